"""An ERP as it is found: Korean names, reserved words, keys of every kind and none, values nobody checked."""

import sqlite3
import unicodedata
from pathlib import Path

DECOMPOSED = unicodedata.normalize("NFD", "거래처")

SCHEMA = f"""
CREATE TABLE "부서" ( -- 조직
    "부서코드" TEXT NOT NULL PRIMARY KEY, -- 부서 코드 (네 자리)
    "부서명" TEXT NOT NULL,
    "상위부서" TEXT REFERENCES "부서"("부서코드")
);
CREATE TABLE "사원" (
    "사번" TEXT NOT NULL PRIMARY KEY, -- 사번
    "성명" TEXT NOT NULL,
    "주민번호" TEXT,
    "휴대폰" TEXT,
    "EMAIL_ADDR" VARCHAR(100),
    "부서코드" TEXT NOT NULL REFERENCES "부서"("부서코드"),
    "상사" TEXT REFERENCES "사원"("사번"),
    "입사일" DATE,
    "기본급" DECIMAL(12,0),
    "비고" TEXT,
    "사진" BLOB
);
CREATE TABLE "근태" (
    "사번" TEXT NOT NULL REFERENCES "사원"("사번"),
    "일자" DATE NOT NULL,
    "출근" DATETIME,
    "구분" TEXT NOT NULL DEFAULT '정상',
    PRIMARY KEY ("사번", "일자")
);
CREATE TABLE "근태 사유" (
    id INTEGER PRIMARY KEY,
    "사번" TEXT NOT NULL,
    "일자" DATE NOT NULL,
    "사유" TEXT,
    FOREIGN KEY ("사번", "일자") REFERENCES "근태"("사번", "일자")
);
CREATE TABLE "order" (
    id TEXT NOT NULL PRIMARY KEY,
    "select" TEXT,
    "class" INTEGER,
    "from" TEXT,
    "date" DATE,
    "version" TEXT,
    "metadata" TEXT,
    "count" INTEGER,
    "copy" TEXT,
    "_private" TEXT,
    "단가(원)" NUMERIC(10,2),
    "order" INTEGER,
    "created" DATETIME DEFAULT CURRENT_TIMESTAMP,
    "total" NUMERIC GENERATED ALWAYS AS ("order" * 2) VIRTUAL
);
CREATE TABLE "판매/내역" (line_no INTEGER NOT NULL, "order" TEXT NOT NULL REFERENCES "order"(id), 금액 INTEGER, memo,
    PRIMARY KEY ("order", line_no));
CREATE TABLE log (at TEXT, "내용" TEXT, ip TEXT);
CREATE TABLE codes (grp TEXT NOT NULL, code TEXT NOT NULL, name TEXT, UNIQUE (grp, code));
CREATE TABLE "{DECOMPOSED}" (no INTEGER PRIMARY KEY, "상호" TEXT, "대표자" TEXT, tel_no TEXT, "이미지" BLOB);
CREATE TABLE patients (rrn TEXT NOT NULL PRIMARY KEY, name TEXT, blood TEXT);
CREATE TABLE everything (a, b STRING, c BOOLEAN, d JSON, e TIME, f DOUBLE, g MONEY, h VARCHAR2(10), i CLOB, j INT8);
CREATE TABLE "2024_매출" ("1월" INTEGER, "2월" INTEGER, id INTEGER PRIMARY KEY AUTOINCREMENT);
CREATE TABLE "Order_2" (id INTEGER PRIMARY KEY, l TEXT, empName TEXT);
CREATE VIEW "사원_연락처" AS SELECT "사번", "성명", "휴대폰" AS hp FROM "사원";
CREATE VIEW "급여_현황" AS SELECT "부서코드", count(*) AS n, sum("기본급") AS amt FROM "사원" GROUP BY "부서코드";
CREATE VIEW "매출" AS SELECT "order", sum(금액) AS "금액" FROM "판매/내역" GROUP BY "order";
CREATE VIEW broken AS SELECT x FROM gone;
"""

ROWS = """
INSERT INTO "부서" VALUES ('D100','본사',NULL), ('D110','영업1팀','D100'), ('D120','인사팀','D100');
INSERT INTO "사원" VALUES
 ('E001','김하은','900101-2345678','010-1234-5678','haeun@example.com','D110','E002','2020-03-02',3200000,'',x'01'),
 ('E002','박서연','850505-2345678','010-9999-0000',NULL,'D110',NULL,'2015-01-02',5400000,'연락은 010-1111-2222',NULL),
 ('E/3~','이준호',NULL,'010-2222-3333','jun@example.com','D120','E002','20210401',2900000,NULL,NULL);
INSERT INTO "근태" VALUES ('E001','2026-11-02','2026-11-02 08:58:01','정상'),
 ('E001','2026-11-03','2026-11-03 09:12:44','지각'), ('E002','2026-11-02','2026-11-02 08:40:00','정상');
INSERT INTO "근태 사유" VALUES (1,'E001','2026-11-03','교통');
INSERT INTO "order" (id, "select", "class", "date", "version", "count", "단가(원)", "order")
 VALUES ('o-1','x',1,'2026-01-01','v2',5,1000,1), ('o/2','y',2,'2026-01-02','v1',6,12.5,2),
 ('export','z',3,NULL,'',7,1,3);
INSERT INTO "판매/내역" VALUES (1,'o-1',1000,'a'), (2,'o-1',2500,5), (1,'o/2',300,NULL);
INSERT INTO log VALUES ('2026-11-02','로그인','10.0.0.1'), ('2026-11-02','로그인','10.0.0.1'),
 ('2026-11-03','로그아웃','10.0.0.2');
INSERT INTO codes VALUES ('A','1','하나'), ('A','2','둘'), ('B','1','셋');
INSERT INTO "{decomposed}" VALUES (1,'가나상사','최민수','02-555-1234',NULL);
INSERT INTO patients VALUES ('900101-2345678','김하은','A'), ('850505-1345678','이철수','O');
INSERT INTO everything VALUES (1,'007','Y','{{"a": 1}}','10:00',1.5,'12,000','가','나',9),
 ('x',7,1,'not json','','NaN','',NULL,NULL,'nine');
INSERT INTO "2024_매출" ("1월","2월") VALUES (10,20), (30,40);
INSERT INTO "Order_2" VALUES (1,'l','김하은');
"""


def build(file: Path) -> Path:
    """Make the database."""
    with sqlite3.connect(file) as connection:
        connection.executescript(SCHEMA)
        connection.executescript(ROWS.replace("{decomposed}", DECOMPOSED).replace("{{", "{").replace("}}", "}"))
    connection.close()
    return file
